#!/usr/bin/python3
"""Writes reportlab.pdf, whose fonts are named and not embedded (CID fonts with UniJIS-UCS2-H, as older Japanese systems make
them), and cairo.pdf, which draws with an embedded part of a font. Needs python3-reportlab, python3-cairo, fonts-noto-cjk."""
import csv
import os

import cairo
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rows = list(csv.reader(open("invoice.csv", encoding="utf-8")))

pdfmetrics.registerFont(UnicodeCIDFont("HeiseiKakuGo-W5"))
c = canvas.Canvas("reportlab.pdf", pagesize=A4, invariant=1)
c.setFont("HeiseiKakuGo-W5", 12)
for n, row in enumerate(rows):
    for i, cell in enumerate(row):
        c.drawString(60 + 160 * i, 780 - 24 * n, cell)
c.save()

s = cairo.PDFSurface("cairo.pdf", 595, 842)
s.set_metadata(cairo.PDFMetadata.CREATE_DATE, "2026-11-20T10:00:00+09:00")
x = cairo.Context(s)
x.select_font_face("Noto Sans CJK JP")
x.set_font_size(12)
for n, row in enumerate(rows):
    for i, cell in enumerate(row):
        x.move_to(60 + 160 * i, 60 + 24 * n)
        x.show_text(cell)
s.finish()
