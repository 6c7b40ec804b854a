package main

import (
	"github.com/spf13/cobra"

	"bod/internal/config"
	"bod/internal/jobs"
)

func (b *desk) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: b.in("予定表の項目を、エディターのために出す", "the keys of the rules, for editors"),
		Long: b.in(`予定表に書ける項目とその意味を、JSON Schema で出します。予定表と同じフォルダーに
jobs.schema.json として置き、予定表の1行目に「#:schema ./jobs.schema.json」と書くと、
TOML を扱うエディター（VS Code の Even Better TOML など）が、書きながら項目を補い、
意味を見せ、間違いに線を引きます。bod を新しくしたら、もう一度出してください。`,
			`Prints the keys of the rules with their meaning as a JSON Schema. Put it beside the rules
as jobs.schema.json, and write #:schema ./jobs.schema.json as their first line: editors that
know TOML (such as VS Code with Even Better TOML) then complete keys, explain them and
underline what is wrong. Print it again after an upgrade of bod.`),
		Example: "  bod schema > jobs.schema.json",
		Args:    b.takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := b.raw.Write(config.Schema(jobs.ConfigKinds()))
			return err
		},
	}
}
