// Recognises the phones of sound files; Ctrl+C cancels. Without arguments, it recognises and aligns synthetic speech.
//   dotnet run -c Release --project examples/10-console -- run/model.safetensors a.wav b.flac
using Hybrid.Core;
using Hybrid.Speech;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};

if (args is [var model, .. var files] && files.Length > 0)
{
    var recognizer = Recognizer.Load(model);
    // All files concurrently: a recogniser is thread-safe.
    var recognitions = files.Select(file => recognizer.RecognizeAsync(file, stop.Token)).ToList();
    foreach (var (file, recognition) in files.Zip(recognitions))
        Console.WriteLine($"{file}: {await recognition}");
}
else
{
    var recognizer = Recognizer.Load(Path.Combine(AppContext.BaseDirectory, "tiny.safetensors"));
    var random = new CounterRandom(3);
    var words = new SentenceMaker(WordList.All).Sentence(random.Fork("words"), 4, 6);
    var spoken = Synthesizer.Speak(words, SpeakerVoice.Random("speaker", random.Fork("voice")), random.Fork("speech"));
    var recognition = recognizer.Recognize(spoken.Samples, SpokenUtterance.SampleRate, stop.Token);
    Console.WriteLine($"said   {string.Join(' ', spoken.Phones)}");
    Console.WriteLine($"heard  {recognition}");

    var alignment = new Aligner(recognizer).AlignText(
        "speaker",
        new AudioClip(spoken.Samples, SpokenUtterance.SampleRate),
        spoken.Text
    );
    foreach (var word in alignment.Words)
        Console.WriteLine($"{word.StartSeconds:F2} to {word.EndSeconds:F2}  {word.Label}");

    var inventory = recognizer.Model.Inventory;
    var errors = EditDistance
        .Align(inventory.Labels(spoken.Phones), inventory.Labels(recognition.Phones.Select(phone => phone.Label)))
        .Distance;
    Console.WriteLine($"phones recognised wrongly: {100.0 * errors / spoken.Phones.Count:F1} %");
}
