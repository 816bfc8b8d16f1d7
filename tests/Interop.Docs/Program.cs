// Runs the examples of docs/csharp.md, one after the other, in the current folder.
using Interop;

DocumentedCalls.Recognize();
await DocumentedCalls.Align();
DocumentedCalls.ManyFiles();
await DocumentedCalls.Cancel();
DocumentedCalls.Posteriors();
DocumentedCalls.Train();
