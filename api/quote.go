package api

import (
	"context"
	"errors"
	"strconv"
	"unicode/utf8"
)

// maxEcho is the greatest number of characters of input that any answer repeats.
const maxEcho = 64

// Quote prints text of a client safely: in double quotes, at most 64
// characters of it, everything but printable ASCII escaped, so that neither a
// terminal nor a log reader can be misled by it.
func Quote(text string) string {
	cut := clip(text)
	if len(cut) < len(text) {
		return strconv.QuoteToASCII(cut) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// clip returns the first maxEcho characters of text. A byte that is not part
// of valid UTF-8 counts as one.
func clip(text string) string {
	if len(text) <= maxEcho {
		return text
	}
	end := 0
	for n := 0; n < maxEcho && end < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end]
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
