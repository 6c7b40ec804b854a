// Package mailer renders one message and gives it to one mail server, once,
// and says honestly what is known afterwards.
//
// It promises that a receipt never says more than the server said: where the
// answer to the final dot was lost the receipt is Unknown, and no other
// outcome is ever guessed. It never sends by itself again.
//
// A letter is rendered to bytes before anything is dialled, and the bytes are
// parsed back and compared with the letter, so that an attachment or a
// recipient can't get lost on the way. The bytes are what is carried: a
// session changes none of them (RFC 5321 dot-stuffing aside, which the server
// undoes).
//
// A session speaks SMTP command by command, each with the time limit of
// RFC 5321 4.5.3.2. The moment before the final dot belongs to the caller
// (Parcel.BeforeDot): up to it nothing was accepted, after it a lost answer is
// Unknown. TLS is mandatory unless the URL says otherwise in so many words.
package mailer
