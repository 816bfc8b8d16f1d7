using Hybrid.Speech;

foreach (var phone in Recognizer.Default.Recognize(AudioClip.Read("recording.wav")).Phones)
    Console.WriteLine($"{phone.StartSeconds:F2} {phone.EndSeconds:F2} {phone.Label} {phone.Confidence:F2}");
