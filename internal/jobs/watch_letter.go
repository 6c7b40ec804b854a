package jobs

import "bod/internal/calendar"

// The letters that a watch has of its own: fact, then request; a row is never called a mistake, for the rule may be the one
// that doesn't fit. Their fields beside those of every letter are in watchFields.
var watchLetters = map[string]calendar.Text{
	"first": {JA: `件名：{件名} {件数}件の確認をお願いします（{回答期限}まで）

{宛名?}

お疲れさまです、{差出人}です。
次の{件数}件を確認させてください。

{明細}

【お願い】
・直したときは、そのまま保存してください。
　こちらで読み直すので、連絡は要りません。
・このままでよいときは、理由をひとこと返信してください。
　この件は、もうお知らせしません。

{お礼?}

このお知らせは、前もって決めたルールで拾っています。
ルールのほうが合っていないこともあると思うので、
おかしなところがあれば教えてください。
お忙しいところすみませんが、よろしくお願いします。

{差出人}
`, EN: `Subject: {title}: please have a look at {rows_told} (by {reply_by})

{to.address?}

Hello, this is {owner.name}.
May I ask you to have a look at the following ({rows_told})?

{rows}

What to do
- When it is put right, just save it.
  We read it again, so there is no need to write.
- When it is fine as it is, please answer with a word on why.
  You will not be told of it again.

{thanks?}

These were picked out by a rule that was agreed beforehand.
The rule may be what doesn't fit: if so, please tell me.
Thank you for your time.

{owner.name}
`},
	"again": {JA: `件名：（再）{件名} {件数}件の確認をお願いします（{回答期限}まで）

{宛名?}

お疲れさまです、{差出人}です。何度もすみません。
下の{件数}件が、まだそのままのようです。

{明細}

手が回らないときは、こちらで直せるところは直しますので、
遠慮なく言ってください。
このままでよいときは、理由をひとこと返信してください。

{お礼?}

{差出人}
`, EN: `Subject: (again) {title}: please have a look at {rows_told} (by {reply_by})

{to.address?}

Hello, this is {owner.name}. I am sorry to write again.
The following still stand as they did ({rows_told}).

{rows}

If there is no time for it, tell me: what can be put right
here, we put right. When something is fine as it is, please
answer with a word on why.

{thanks?}

{owner.name}
`},
	"stage": {JA: `件名：{件名} 期限のお知らせ {件数}件

{宛名?}

お疲れさまです、{差出人}です。
期限が近いものが{件数}件あります。

{明細}

進めるものも見送るものも、ひとこと返信してください。

{お礼?}

{差出人}
`, EN: `Subject: {title}: {rows_told} coming to their dates

{to.address?}

Hello, this is {owner.name}.
The following come to their dates soon ({rows_told}).

{rows}

Please answer with a word on each, also on those that are
not to go on.

{thanks?}

{owner.name}
`},
	"outside": {JA: `件名：【{自社名}】{件名}のお願い（{件数}件）

{宛名?}

いつもお世話になっております。
{自社名}の{差出人}です。

下記の{件数}件につきまして、弊社で確認したいことがございます。
お忙しいところ恐れ入りますが、{回答期限}までに
ご状況をお知らせいただけますでしょうか。
未確定の場合は、現時点でのお見込みだけでもお知らせいただけますと
助かります。

{明細}

行き違いでご連絡をいただいておりましたら、ご容赦ください。
どうぞよろしくお願いいたします。

{署名?}
`, EN: `Subject: [{company.name}] {title} ({rows_told})

{to.address?}

This is {owner.name} of {company.name}.

May we ask you about the following ({rows_told})?
We would be grateful for an answer by {reply_by}. Where
nothing is fixed yet, what you expect now helps us as well.

{rows}

If your answer is on its way already, please take no notice.
With kind regards,

{signature?}
`},
	// To an owner the mail is not from the owner: nobody writes to oneself.
	"own": {JA: `件名：{件名} 見ていただきたいもの {件数}件

{宛名?}

お疲れさまです。
「{件名}」で、次の{件数}件をお知らせします。

{明細}

・直したときは、そのまま保存してください。
　次に読んだときに、片付いたものとします。
・このままでよいときは、理由を添えて「このままでよい」と
　記録してください。この件は、もうお知らせしません。

{お礼?}
`, EN: `Subject: {title}: {rows_told} to look at

{to.address?}

In "{title}" the following were found ({rows_told}).

{rows}

- When it is put right, just save it: at the next reading
  it is settled.
- When it is fine as it is, record that with a word on why.
  You will not be told of it again.

{thanks?}
`},
	"unjudged": {JA: `件名：{件名} 判断できないもの {件数}件

{宛名?}

お疲れさまです。
「{件名}」で、次の{件数}件はルールで判断できませんでした。
問題なしとはせずに、お知らせします。

{明細}

表の値かルール（jobs.toml）を見ていただけますか。
次に読むときに、もう一度確かめます。
`, EN: `Subject: {title}: {rows_told} could not be judged

{to.address?}

In "{title}" the rules give no answer about the following
({rows_told}). They are not taken for right.

{rows}

Please have a look at the table's values or at the rule in
jobs.toml. They are looked at again at the next reading.
`},
}

// watchFields are the fields of a watch's letters, by both names.
var watchFields = [][2]string{{"明細", "rows"}, {"件数", "rows_told"}, {"回答期限", "reply_by"}, {"基準日時", "as_of"}, {"お礼", "thanks"}}
