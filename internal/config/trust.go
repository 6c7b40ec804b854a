package config

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"bod/internal/calendar"
)

// trusted sees that nobody but root and the user of this process can change what
// a file says: its owner, its rights and those of every folder above it, along the
// path as it is written and along the one that links lead to. Otherwise whoever
// may write there could set the mail server, or a program that runs as bod. It
// gives a *FileError with the remedy.
func trusted(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fileError(path, err)
	}
	for _, way := range []string{path, real} {
		for at, first := way, true; ; at, first = filepath.Dir(at), false {
			info, err := os.Lstat(at)
			if err != nil {
				return fileError(at, err)
			}
			if err := trustedAt(at, info, first && way == real); err != nil {
				return err
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return nil
}

func trustedAt(at string, info fs.FileInfo, file bool) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil // its folder decides who can change it, and where it leads is looked at too
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return &FileError{Path: at,
			What: say("%s の持ち主が root でも bod の利用者でもありません（%s のものです）", "%s belongs to neither root nor the user that runs bod, but to %s", at, UserName(st.Uid)),
			Next: say("chown root %s で、root のものにしてください", "chown root %s", at)}
	}
	// In a folder such as /tmp people can make files, but not touch those of others.
	if !file && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	if info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	what := say("フォルダー %s は、ほかの利用者も書き換えられます（%04o）", "other users can write into the folder %s (%04o)", at, info.Mode().Perm())
	if file {
		what = say("%s は、ほかの利用者も書き換えられます（%04o）", "other users can change %s (%04o)", at, info.Mode().Perm())
	}
	return &FileError{Path: at, What: what, Next: calendar.Text{JA: "chmod go-w " + at + " で、ほかの利用者が書けないようにしてください", EN: "chmod go-w " + at}}
}

// UserName is what the machine calls a user, its number where it has no name.
func UserName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
