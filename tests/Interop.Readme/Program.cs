using Hybrid.Speech;

var recognizer = Recognizer.Load("hybrid-demo/model.safetensors");
foreach (var phone in recognizer.Recognize(AudioClip.Read("recording.wav")).Phones)
    Console.WriteLine($"{phone.StartSeconds:F2} {phone.EndSeconds:F2} {phone.Phone} {phone.Confidence:F2}");
