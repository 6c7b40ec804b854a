package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
)

func (b *desk) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [admin]",
		Short: b.in("予定表の項目を、エディターのために出す", "the keys of the rules, for editors"),
		Long: b.in(`予定表に書ける項目とその意味を、JSON Schema で出します。予定表と同じフォルダーに
jobs.schema.json として置き、予定表の1行目に「#:schema ./jobs.schema.json」と書くと、
TOML を扱うエディター（VS Code の Even Better TOML など）が、書きながら項目を補い、
意味を見せ、間違いに線を引きます。bod を新しくしたら、もう一度出してください。
bod schema admin は、管理者のファイル（admin.toml）のものを出します。`,
			`Prints the keys of the rules with their meaning as a JSON Schema. Put it beside the rules
as jobs.schema.json, and write #:schema ./jobs.schema.json as their first line: editors that
know TOML (such as VS Code with Even Better TOML) then complete keys, explain them and
underline what is wrong. Print it again after an upgrade of bod.
bod schema admin prints the one of the administrator's file (admin.toml).`),
		Example:   "  bod schema > jobs.schema.json\n  bod schema admin > admin.schema.json",
		Args:      b.takes(0, 1),
		ValidArgs: []string{"admin"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := config.Schema(jobs.ConfigKinds())
			if len(args) == 1 {
				if args[0] != "admin" {
					return b.usage(calendar.Text{JA: "「" + args[0] + "」のスキーマはありません", EN: fmt.Sprintf("there is no schema of %q", args[0])},
						calendar.Text{JA: "予定表のものは bod schema、管理者のファイルのものは bod schema admin です", EN: "bod schema is the rules', bod schema admin the administrator's"})
				}
				text = config.AdminSchema()
			}
			_, err := b.raw.Write(text)
			return err
		},
	}
}
