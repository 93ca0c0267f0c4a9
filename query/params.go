package query

import (
	"net/url"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/api"
)

// param is the value of one parameter of the query string.
type param struct {
	text  string
	given bool
}

// Bounds of the limit parameter, everywhere.
const (
	maxLimit     = 200
	defaultLimit = 50
)

// badParam is a 422 about one parameter.
func badParam(name, detail string) *api.Problem {
	return api.InvalidContent.Withf("Parameter %s: %s.", name, detail)
}

// readParams fills values with the parameters of those names. One of another
// name, or given twice, is refused: a misspelt filter must not be ignored.
func readParams(c *api.Call, values []param, names ...string) error {
	for rest := c.RawQuery(); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		rawName, rawText, _ := strings.Cut(pair, "=")
		name, err := unescape(rawName)
		if err != nil {
			return err
		}
		i := slices.Index(names, name)
		switch {
		case i < 0 && len(names) == 0:
			return api.InvalidContent.Withf("There is no parameter %s here; this path takes none.", api.Quote(name))
		case i < 0:
			return api.InvalidContent.Withf("There is no parameter %s here; this path takes %s.", api.Quote(name), strings.Join(names, ", "))
		case values[i].given:
			return badParam(name, "must be given once only")
		}
		if values[i].text, err = unescape(rawText); err != nil {
			return err
		}
		values[i].given = true
	}
	return nil
}

// noParams refuses any parameter.
func noParams(c *api.Call) error {
	if c.RawQuery() == "" {
		return nil
	}
	return readParams(c, nil)
}

func unescape(raw string) (string, error) {
	if !strings.ContainsAny(raw, "%+") {
		return raw, nil
	}
	text, err := url.QueryUnescape(raw)
	if err != nil {
		return "", api.InvalidContent.With("The query string has a percent sign without two hex digits behind it.")
	}
	return text, nil
}

// readLimit reads a limit of 1 to 200 in plain digits.
func readLimit(p param) (int, error) {
	if !p.given {
		return defaultLimit, nil
	}
	n := 0
	for i := range len(p.text) {
		d := p.text[i]
		if d < '0' || d > '9' || n > maxLimit {
			n = 0
			break
		}
		n = 10*n + int(d-'0')
	}
	if n < 1 || n > maxLimit {
		return 0, badParam("limit", "must be a whole number from 1 to 200")
	}
	return n, nil
}
