module Hybrid.Tests.PhoneInventoryTests

open System
open Expecto
open Hybrid.Speech

/// The table of CMU 11-785 homework 3, as the design gives it.
let private homework =
    "[SIL]=- NG=G F=f M=m AE=@ R=r UW=u N=n IY=i AW=W V=v UH=U OW=o AA=a ER=R HH=h Z=z K=k CH=C W=w EY=e ZH=Z T=t EH=E Y=y "
    + "AH=A B=b P=p TH=T DH=D AO=c G=g L=l JH=j OY=O SH=S D=d AY=Y S=s IH=I"

[<Tests>]
let tests =
    testList "phone inventory" [
        test "order and letters are those of the homework, and no letter is shared" {
            let arpabet = PhoneInventory.Arpabet
            Expect.equal arpabet.Count 41 "39 phones, silence, blank"
            let table = String.concat " " [ for i in 1..40 -> $"{arpabet.Symbols[i]}={arpabet.Letter i}" ]
            Expect.equal table homework "table"
            Expect.equal (arpabet.Letter 0) ' ' "blank"
            Expect.equal (List.distinct [ for i in 0..40 -> arpabet.Letter i ]).Length 41 "letters"
        }

        test "a phone without a letter is named" {
            let inventory = PhoneInventory [ "AA"; "QQ" ]
            Expect.equal (inventory.Letter 1) 'a' "a letter does not depend on the order"
            let error = Expect.throwsC (fun () -> inventory.Letter 2 |> ignore<char>) id
            Expect.isTrue (error :? FormatException) $"{error}"
            Expect.stringContains error.Message "QQ" "message"
        }
    ]
