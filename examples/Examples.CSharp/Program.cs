// The models of ../04-rnn-classifier.fsx and ../05-gru-character-predictor.fsx in C#. Run one with:
//   dotnet run -c Release --project examples/Examples.CSharp -- rnn-classifier
using Examples;

switch (args)
{
    case ["rnn-classifier"]:
        RnnClassifier.Run();
        return 0;
    case ["gru-character-predictor"]:
        GruCharacterPredictor.Run();
        return 0;
    default:
        Console.Error.WriteLine("give the name of an example: rnn-classifier or gru-character-predictor");
        return 1;
}
