#!/bin/sh
# Checks an image, or a folder of images, against a list of phones. The answer is shown, and written to a JUnit file.
# It ends with the exit code of cpupdate: 0 if an image fits every phone.
#
#   IMAGE     the image, or a folder with images
#   PHONES    the list of phones, a CSV file
#   HARDWARE  a hardware table (optional)
#   JUNIT     the JUnit file (default cpupdate-check.xml)
#   CPUPDATE  the program (default cpupdate)
set -eu
: "${IMAGE:?set it to the image, or to a folder with images}" "${PHONES:?set it to the list of phones}"
set -- check --phones "$PHONES" --junit "${JUNIT:-cpupdate-check.xml}"
[ -z "${HARDWARE:-}" ] || set -- "$@" --hardware "$HARDWARE"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
code=0
"${CPUPDATE:-cpupdate}" "$@" -- "$IMAGE" > "$answer" || code=$?
cat "$answer"
case $code in
0) word="an image fits every phone" ;;
3) word="an image is damaged or cannot be read: fetch it again" ;;
4 | 5 | 10) word="some phones will not accept an image, or that cannot be determined: the table says which and why" ;;
6) word="the list, the hardware table or the settings are wrong: the error says what to correct" ;;
*) word="cpupdate could not check: the error says why" ;;
esac
echo "$word (exit code $code)"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
	{
		echo "### cpupdate check: $word"
		echo
		sed 's/^/    /' "$answer"
	} >> "$GITHUB_STEP_SUMMARY"
fi
exit "$code"
