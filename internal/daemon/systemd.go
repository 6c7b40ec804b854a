package daemon

import (
	"log/slog"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// manager speaks to the service manager; where there is none, every word is a silent success.
type manager struct {
	log      *slog.Logger
	watchdog time.Duration // 0: nobody watches
	status   string
}

func newManager(log *slog.Logger) *manager {
	m := &manager{log: log}
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("couldn't read the watchdog's time", "err", err)
	}
	m.watchdog = every
	return m
}

func (m *manager) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		m.log.Warn("couldn't speak to the service manager", "err", err)
	}
}

func (m *manager) ready() { m.notify(sd.SdNotifyReady + "\n" + "STATUS=" + m.status) }

// reloading has to be followed by ready. The moment is by the monotonic clock, so that systemd can tell this answer from an earlier one.
func (m *manager) reloading() { m.notify(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec()) }

func (m *manager) stopping() { m.notify(sd.SdNotifyStopping) }

// alive is said only from the loop, and only after it has touched the ledger.
func (m *manager) alive() { m.notify(sd.SdNotifyWatchdog) }

// say tells in words what goes on; one line, only when it changed.
func (m *manager) say(words string) {
	words = strings.Join(strings.Fields(words), " ")
	if words == m.status {
		return
	}
	m.status = words
	m.notify("STATUS=" + words)
}
