using Hybrid.Core;
using Hybrid.Speech;

var builder = WebApplication.CreateBuilder(args);
builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = 20 << 20);

// One recogniser for all requests; each call uses one thread, requests share the processors.
builder.Services.AddSingleton(new Recognizer(SpeechModel.Default, new ThreadTeam(1)));

var app = builder.Build();

app.MapPost("/phones", async (HttpRequest request, Recognizer recognizer, CancellationToken cancellation) =>
{
    var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    try
    {
        await using (var file = File.Create(path))
            await request.Body.CopyToAsync(file, cancellation);
        var result = await recognizer.RecognizeAsync(path, cancellation);
        return Results.Json(result.Phones);
    }
    catch (AudioFormatException)
    {
        return Results.BadRequest("send a WAV or FLAC file of 8 to 48 kHz");
    }
    finally
    {
        File.Delete(path);
    }
});

app.Run();
