package mailer

import "context"

// Parcel is one stored message on its way.
type Parcel struct {
	From string
	To   []string
	Data []byte

	// BeforeDot is called with the accepted recipients after everything is said but the final dot. It commits
	// `sending`; when it fails the connection is cut without the dot and nothing was accepted.
	// It is called at most once for each Carry, and not by a folder, which has no dot.
	BeforeDot func(accepted []string) error
}

// Carrier opens sessions; Server and Folder are carriers.
type Carrier interface {
	// Open connects and logs in. *SessionError: pause the queue. Any other error: try later.
	Open(ctx context.Context) (Session, error)
	// Trial reports whether what it carries stays in the house (a folder).
	Trial() bool
}

// Session carries parcels one after another over one connection. It belongs to one goroutine.
type Session interface {
	// Carry makes one attempt and gives one receipt for each recipient in p.To, in order. broken reports that the session is of no use any more.
	// When ctx ends the connection is cut; but once the dot went out its answer is waited for, however ctx stands.
	Carry(ctx context.Context, p Parcel) (rs []Receipt, broken bool)
	// Close says goodbye. Whatever it returns changes nothing about what was carried.
	Close() error
}
