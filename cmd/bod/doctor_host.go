package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bod/internal/config"
)

// rights sees that nobody else can look into the ledger, or change what bod goes by.
func (d *doctor) rights(context.Context) {
	var files []string
	if d.c != nil {
		files = d.c.Files
	} else {
		files = []string{d.file}
		if admin := config.AdminFile(d.adminNamed()); admin != "" {
			files = append(files, admin)
		}
	}
	for _, name := range files {
		for _, at := range []string{name, filepath.Dir(name)} {
			info, err := os.Stat(at)
			if err != nil {
				continue // told by the configuration
			}
			if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
				d.add(stateWrong, d.with("%s は、だれでも書き換えられます（%04o）", "everybody can change %s (%04o)", at, info.Mode().Perm()), "chmod o-w "+at)
			} else if at == name {
				d.ok("%s（%s、%04o）", "%s (%s, %04o)", at, ownerOf(info), info.Mode().Perm())
			}
		}
	}
	folder, err := os.Stat(d.dir)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			d.add(stateNote, d.with("記録のフォルダー %s を見る権限がありません", "couldn't look at the ledger's folder %s", d.dir), d.in("サービスと同じ利用者で調べてください（sudo -u bod bod doctor）", "look as the service's user (sudo -u bod bod doctor)"))
		}
		return // that there is none yet is told of the ledger
	}
	d.private(d.dir, folder, 0o077, stateWrong, "chmod 700 ")
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return // told of the ledger
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		name := filepath.Join(d.dir, e.Name())
		if info.Mode().Perm()&0o077 != 0 {
			d.private(name, info, 0o077, stateWrong, "chmod 600 ")
		}
		if mine, theirs := ownerOf(folder), ownerOf(info); mine != theirs {
			d.add(stateWrong, d.with("%s は %s のものです", "%s belongs to %s", name, theirs), fmt.Sprintf("chown %s %s", mine, name))
		}
	}
}

// private says whether others can look at a file or folder.
func (d *doctor) private(name string, info fs.FileInfo, others fs.FileMode, bad, remedy string) {
	if info.Mode().Perm()&others != 0 {
		d.add(bad, d.with("%s を、ほかの利用者が見られます（%04o）", "others can look at %s (%04o)", name, info.Mode().Perm()), remedy+name)
		return
	}
	d.ok("%s（%s、%04o）", "%s (%s, %04o)", name, ownerOf(info), info.Mode().Perm())
}

func ownerOf(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return config.UserName(st.Uid)
	}
	return "?"
}

// anothers tells whose a folder is that is not this user's.
func anothers(dir string) (owner string, is bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ownerOf(info), ok && int(st.Uid) != os.Geteuid()
}

// writable asks the system whether this user may write into a folder, or make it where it is missing.
func writable(dir string) error {
	for {
		_, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		const write, search = 2, 1
		return syscall.Access(dir, write|search)
	}
}

// clock asks the kernel whether something keeps the clock right.
func (d *doctor) clock(context.Context) {
	now := d.now()
	synced, known := clockSynced()
	switch {
	case !known:
		d.skip("時計が合わせられているかは、この機械では分かりません（いま %s）", "whether something keeps the clock right can't be told here (now %s)", now.In(d.zone).Format("2006-01-02 15:04:05 MST"))
	case synced:
		d.ok("合わせられています（いま %s）", "kept right (now %s)", now.In(d.zone).Format("2006-01-02 15:04:05 MST"))
	default:
		d.add(stateNote, d.with("時計が自動で合わせられていません（いま %s）", "nothing keeps the clock right (now %s)", now.In(d.zone).Format("2006-01-02 15:04:05 MST")),
			d.in("timedatectl set-ntp true（仮想マシンでは、土台の時計に合わせる設定でもかまいません）", "timedatectl set-ntp true; on a virtual machine the host may keep it instead"))
	}
}

const (
	unit             = "bod.service"
	givenCredentials = "/run/credentials/" + unit
)

// service asks systemd how it sees bod.
func (d *doctor) service(ctx context.Context) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		d.ok("systemd では動いていません", "not running under systemd")
		return
	}
	out, err := output(ctx, "systemctl", "show", unit, "--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result")
	if err != nil {
		d.skip("systemd に聞けませんでした：%v", "couldn't ask systemd: %v", err)
		return
	}
	is := make(map[string]string)
	for line := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		is[k] = v
	}
	if is["LoadState"] != "loaded" {
		d.add(stateNote, d.with("%s はありません（%s）", "there is no %s (%s)", unit, is["LoadState"]), d.in("サービスとして動かすなら、パッケージか systemd/ のファイルを入れてください", "install the package or the files of systemd/ to run it as a service"))
		return
	}
	switch is["ActiveState"] {
	case "active":
		d.ok("%s：動いています（%s）", "%s is active (%s)", unit, is["SubState"])
	case "failed":
		d.add(stateWrong, d.with("%s：止まりました（%s）", "%s has failed (%s)", unit, is["Result"]), "journalctl -u "+unit+" -n 50")
	default:
		d.add(stateNote, d.with("%s：動いていません（%s）", "%s is not running (%s)", unit, is["ActiveState"]), "systemctl start "+unit)
	}
	if is["UnitFileState"] == "disabled" {
		d.add(stateNote, d.with("%s：機械を起動しても始まりません", "%s does not start with the machine", unit), "systemctl enable "+unit)
	}
	if n, err := strconv.Atoi(is["NRestarts"]); err == nil && n > 0 {
		d.add(stateNote, d.with("%s：自動で %d 回始め直されました", "%s was restarted %d time(s) by itself", unit, n), "journalctl -u "+unit)
	}
	// Its exit status says whether the exposure is high, so only the words count.
	out, _ = output(ctx, "systemd-analyze", "security", "--no-pager", unit)
	if _, level, ok := strings.Cut(out, "Overall exposure level for "+unit+": "); ok {
		level, _, _ = strings.Cut(level, "\n")
		d.ok("外に開いている度合い：%s", "exposure: %s", strings.TrimSpace(strings.TrimRight(level, ":-)( 🙂😀😐🙁😨")))
	}
}

// output runs one of systemd's commands, in English and for a few seconds at most.
func output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	out, err := cmd.Output()
	return string(out), err
}

// disks sees how much room there is for the ledger and the outbox.
func (d *doctor) disks(context.Context) {
	dirs := []string{d.dir}
	if d.c != nil && d.c.Mail.Server == "" {
		dirs = append(dirs, d.c.Mail.Outbox)
	}
	for _, dir := range dirs {
		at := dir
		var fs syscall.Statfs_t
		err := syscall.Statfs(at, &fs)
		for errors.Is(err, syscall.ENOENT) && at != filepath.Dir(at) {
			at = filepath.Dir(at)
			err = syscall.Statfs(at, &fs)
		}
		if err != nil {
			d.skip("%s の空きを調べられませんでした：%v", "couldn't see the room in %s: %v", dir, err)
			continue
		}
		free, all := uint64(fs.Bavail)*uint64(fs.Bsize), uint64(fs.Blocks)*uint64(fs.Bsize)
		state, next := room(free, all, uint64(fs.Ffree), uint64(fs.Files))
		remedy := ""
		if next {
			remedy = d.in("空きを作ってください。いっぱいになると bod は何も送りません", "make room; with a full disk bod sends nothing")
		}
		d.add(state, d.with("%s：空き %d MB（%d %%）", "%s: %d MB free (%d %%)", dir, free>>20, percent(free, all)), remedy)
	}
}

func percent(part, all uint64) uint64 {
	if all == 0 {
		return 100
	}
	return part * 100 / all
}

// room judges a disk: under 100 MB a month of letters may not fit any more, under 1 GB
// or a twentieth somebody should know. A file system that does not count its files has none.
func room(free, all, freeFiles, files uint64) (state string, remedy bool) {
	switch {
	case free < 100<<20 || files > 0 && freeFiles < 100:
		return stateWrong, true
	case free < 1<<30 || percent(free, all) < 5 && free < 20<<30 || files > 0 && percent(freeFiles, files) < 1:
		return stateNote, true
	}
	return stateOK, false
}
