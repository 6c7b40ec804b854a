#!/usr/bin/python3
"""Writes the workbooks of this folder: orders.xlsx by openpyxl, whose formulas have no results, and
orders-calc.xlsx, the same as LibreOffice saves it, with results.  Needs python3-openpyxl and libreoffice-calc."""
import datetime
import os
import subprocess

from openpyxl import Workbook

os.chdir(os.path.dirname(os.path.abspath(__file__)))
book = Workbook()
cover = book.active
cover.title = "表紙"
cover["A1"] = "受注一覧"
cover.sheet_state = "hidden"
s = book.create_sheet("受注")
s["A1"] = "受注一覧（2026年11月）"
s.merge_cells("A1:H1")
heads = ["得意先", "コード", "注文日", "納期", "納品先", None, "数量", "単価", "金額", "確認", "時刻", "率", "枝番"]
for i, h in enumerate(heads, 1):
    s.cell(3, i, h)
s["E4"], s["F4"] = "会社名", "住所"
for c in "ABCDGHIJKLM":
    s.merge_cells(f"{c}3:{c}4")
s.merge_cells("E3:F3")
rows = [
    ("株式会社アクメ商事", "0012", datetime.date(2026, 11, 4), datetime.datetime(2026, 11, 25, 10, 30), "アクメ倉庫", "東京都", 3, 400, True, 0.4375, 0.08, 7),
    (None, "0012", datetime.date(2026, 11, 5), datetime.datetime(2026, 11, 26), "アクメ本社", "東京都", 2, 0.1, False, 0.5, 0.1, 12),
    ("ひばり製作所", "0345", datetime.date(2026, 11, 6), datetime.datetime(2026, 11, 27, 9, 0), None, None, 1, 1200, True, 0.75, 0.1, 345),
    ("しおかぜ", "0400", datetime.date(2026, 11, 9), datetime.datetime(2026, 11, 30, 17, 0), "しおかぜ", "大阪府", 10, 1.5, False, 1.25, 0, 1000),
]
for n, r in enumerate(rows, 5):
    customer, code, day, due, name, place, count, price, ok, clock, rate, branch = r
    for i, v in enumerate([customer, code, day, due, name, place, count, price], 1):
        s.cell(n, i, v)
    s.cell(n, 9, f"=G{n}*H{n}")
    s.cell(n, 10, ok)
    s.cell(n, 11, clock).number_format = "[h]:mm"
    s.cell(n, 12, rate).number_format = "0%"
    s.cell(n, 13, branch).number_format = "0000"
    s.cell(n, 3).number_format = '[$-411]ggge"年"m"月"d"日"'
    s.cell(n, 4).number_format = "yyyy/mm/dd hh:mm"
s.merge_cells("A5:A6")
s.row_dimensions[7].hidden = True
w = book.create_sheet("誤り")
w.append(["番号", "金額"])
w.append([1, 100])
w.append([2, "=VLOOKUP(9,A1:B2,2,FALSE)"])
w.append([3, "=B2*2"])
book.save("orders.xlsx")
os.makedirs("calc", exist_ok=True)
subprocess.run(["soffice", "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", "calc", "orders.xlsx"], check=True)
os.replace("calc/orders.xlsx", "orders-calc.xlsx")
os.rmdir("calc")
