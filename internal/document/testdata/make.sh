#!/bin/sh
# Makes the PDFs of the tests with the programs that offices have. Debian: chromium libreoffice-calc fonts-morisawa-bizud-gothic
# ghostscript qpdf poppler-utils; make_more.py makes those of reportlab and cairo. What is made differs with the programs' versions, so that it is made once and kept.
set -eu
cd "$(dirname "$0")"
chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf=chromium.pdf invoice.html
soffice --headless --infilter='Text - txt - csv (StarCalc):44,34,76' --convert-to pdf:calc_pdf_Export invoice.csv --outdir .
mv invoice.pdf libreoffice.pdf
# A page as a scanner brings it: one picture, no text.
gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfimage24 -r72 -sOutputFile=scanned.pdf chromium.pdf
# A letter whose second page came from a scanner (poppler-utils).
pdfunite chromium.pdf scanned.pdf half-scanned.pdf
# With a password to open it, and with one that is only asked for before it is changed. (Ghostscript is not used for these:
# it writes Chromium's Japanese fonts back with other characters.)
qpdf --encrypt user owner 256 -- chromium.pdf encrypted.pdf
qpdf --encrypt "" owner 256 --modify=none -- chromium.pdf protected.pdf
