package ledger

import "errors"

// Errors that callers tell apart with errors.Is. Advice words them for people.
var (
	ErrNone     = errors.New("there is no ledger")                          // neither ledger nor marker lies there
	ErrMissing  = errors.New("the ledger is gone, but its marker is there") // a mistake never looks like a fresh start
	ErrLocked   = errors.New("another bod holds the ledger")                // the flock is taken
	ErrTrial    = errors.New("the ledger is of the other mode")             // trial against real
	ErrSchema   = errors.New("the ledger's schema is newer or was altered")
	ErrDamaged  = errors.New("the ledger is damaged") // pragma, chain or quick check
	ErrRights   = errors.New("the ledger's folder or files can't be used with these rights")
	ErrStale    = errors.New("the row is not in the expected state any more") // a compare-and-swap that changed nothing
	ErrHeld     = errors.New("the message still has a reason to be held")
	ErrFenced   = errors.New("the claim is not ours any more")
	ErrMove     = errors.New("no such move") // not in the table of moves
	ErrPerson   = errors.New("the person is not among those who confirm it")
	ErrNotFound = errors.New("not found")
	ErrClock    = errors.New("the clock is before the ledger's last entry") // more than 5 minutes
	ErrFull     = errors.New("the disk is full")
	ErrReadOnly = errors.New("the ledger can't be written, only read")
	ErrDisk     = errors.New("the disk returned an error")
	ErrBusy     = errors.New("another program keeps the ledger's file busy")
	ErrDoubt    = errors.New("it is not known whether the last change was written") // the ledger has to be opened again
)

// Advice words an error of this package for the person at the terminal or in the
// file's language: what is the matter, and the next step. It answers empty texts
// for an error that is not of this package.
func Advice(err error, japanese bool) (what, next string) {
	for _, a := range advice {
		if errors.Is(err, a.err) {
			if japanese {
				return a.ja[0], a.ja[1]
			}
			return a.en[0], a.en[1]
		}
	}
	return "", ""
}

// advice in the order in which errors are looked for: an error that wraps two of
// these is told by the first.
var advice = []struct {
	err    error
	ja, en [2]string
}{
	{ErrNone,
		[2]string{"記録がまだありません。", "最初に bod run を実行すると作られます。場所が違う場合は --state で記録のフォルダーを指定してください。"},
		[2]string{"There is no ledger yet.", "`bod run` makes it. If it lies elsewhere, name its folder with --state."}},
	{ErrMissing,
		[2]string{"記録のファイルが見当たりません。以前の記録のしるし（marker）だけが残っています。", "記録を元の場所に戻すか、バックアップを ledger.db という名前で置いてください。新しく始める場合だけ、marker を別の場所へ移してください。"},
		[2]string{"The ledger's file is gone; only the marker of an earlier one is there.", "Put the ledger back, or a backup of it as ledger.db. Only to begin anew, move the file marker away."}},
	{ErrOther,
		[2]string{"この控えは、別の記録のものです。", "控えのファイルと --state のフォルダーを確かめてください。いまある記録の代わりにしてよいときだけ --another を付けてください。"},
		[2]string{"The copy is of another ledger.", "See that the file and the folder (--state) are the right ones. Only where it is meant to take the place of the one that is there: --another."}},
	{ErrLocked,
		[2]string{"ほかの bod が動いています。", "動いている bod を止めてから、もう一度実行してください。"},
		[2]string{"Another bod is at work on this ledger.", "Stop it first, then try again."}},
	{ErrTrial,
		[2]string{"記録の種類（お試し・本番）が設定と合いません。", "お試しを終えて本番を始めるには bod run --leave-trial を実行してください。本番の記録をお試しに使うことはできません。"},
		[2]string{"The ledger is a trial one and the rules are real, or the other way round.", "`bod run --leave-trial` puts a trial ledger away and starts a real one. A real ledger is never used for a trial."}},
	{ErrSchema,
		[2]string{"記録の形式がこの版の bod と合いません。", "この記録を使っていた版の bod で開いてください。心当たりがない場合はバックアップから戻してください。"},
		[2]string{"The ledger's form is not the one that this bod knows.", "Use the version of bod that wrote it last; if nobody updated anything, restore a backup."}},
	{ErrDamaged,
		[2]string{"記録が壊れています。", "bod verify で内容を確かめ、バックアップから戻してください。壊れたファイルは捨てずに取っておいてください。"},
		[2]string{"The ledger is damaged.", "See what `bod verify` says and restore a backup. Keep the damaged file."}},
	{ErrFull,
		[2]string{"ディスクがいっぱいで記録に書き込めません。", "空き容量を作ってください。続きは自動で行います。"},
		[2]string{"The disk is full, so the ledger can't be written.", "Make room; bod goes on by itself."}},
	{ErrReadOnly,
		[2]string{"記録に書き込む権限がありません。", "記録のフォルダーとファイルの持ち主で実行しているか、読み取り専用になっていないかを確かめてください。"},
		[2]string{"The ledger can be read but not written.", "See that you are the owner of its folder and files, and that the disk is not mounted read-only."}},
	{ErrRights,
		[2]string{"記録のフォルダーかファイルの権限が正しくありません。", "フォルダーは持ち主だけ（chmod 700）、中のファイルも持ち主だけ（chmod 600）にして、その利用者で実行してください。"},
		[2]string{"The ledger's folder or files have the wrong rights or another owner.", "Make the folder 0700 and its files 0600, and run bod as their owner."}},
	{ErrDisk,
		[2]string{"ディスクの読み書きでエラーが起きました。", "ディスクの状態を確かめてから、bod を起動し直してください。"},
		[2]string{"The disk returned an error.", "See to the disk, then start bod again."}},
	{ErrDoubt,
		[2]string{"直前の変更が保存されたかどうか分かりません。", "bod を起動し直してください。保存された内容を読み直します。"},
		[2]string{"It is not known whether the last change was stored.", "Start bod again; it reads what is there."}},
	{ErrBusy,
		[2]string{"ほかのプログラムが記録のファイルを使っています。", "バックアップソフトなどが終わってから、もう一度実行してください。"},
		[2]string{"Another program keeps the ledger's file busy.", "Try again when it is done."}},
	{ErrClock,
		[2]string{"時計が最後の記録より前を指しています。", "時計を合わせてください。記録の時刻のほうが進んでいた場合は bod retry --clock 理由 を実行してください。"},
		[2]string{"The clock is before the ledger's last entry.", "Set the clock. If it was the ledger that was ahead, use `bod retry --clock REASON`."}},
	{ErrPerson,
		[2]string{"この方は確認者に含まれていません。", "jobs.toml の confirm に書かれた方が確認してください。"},
		[2]string{"This person is not among those who confirm it.", "One of those named by confirm in jobs.toml has to do it."}},
	{ErrHeld,
		[2]string{"まだ送れない理由が残っています。", "bod show で理由を確かめてください。"},
		[2]string{"There is still a reason not to send it.", "`bod show` tells it."}},
	{ErrFenced,
		[2]string{"ほかの処理がこのメールを扱っています。", "bod show で今の状態を確かめてください。"},
		[2]string{"Something else took this message over.", "`bod show` tells how it stands."}},
	{ErrStale,
		[2]string{"その間に状態が変わりました。", "今の状態を確かめてから、もう一度実行してください。"},
		[2]string{"It changed in the meantime.", "Look at it again, then try again."}},
	{ErrMove,
		[2]string{"今の状態からはできない操作です。", "bod show で今の状態を確かめてください。"},
		[2]string{"That can't be done from the state it is in.", "`bod show` tells how it stands."}},
	{ErrNotFound,
		[2]string{"見つかりません。", "番号や名前を確かめてください。"},
		[2]string{"It was not found.", "See that the number or name is right."}},
}
