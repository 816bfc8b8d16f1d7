using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Hybrid.Core;

/// <summary>JSON of declarations: networks, schedules, recipes and presets.</summary>
internal static class JsonText
{
    /// <summary>Reads a declaration.</summary>
    /// <param name="json">The text.</param>
    /// <param name="type">Source-generated JSON of the type.</param>
    /// <param name="name">What the text should be, in messages.</param>
    /// <param name="isComplete">Whether no required part is null, which JSON does not guarantee.</param>
    /// <param name="incomplete">The message if the value is null or not complete.</param>
    /// <exception cref="FormatException">The text is not JSON of the type, or the value is not complete.</exception>
    public static TValue Read<TValue>(
        string json,
        JsonTypeInfo<TValue> type,
        string name,
        Predicate<TValue> isComplete,
        string incomplete
    )
        where TValue : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) is { } value && isComplete(value)
                ? value
                : throw new FormatException(incomplete);
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a {name}: {Quoted.Message(error)}", error);
        }
    }
}
