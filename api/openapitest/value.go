package openapitest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// check holds the text of a parameter or header to its schema.
func (p *parameter) check(text string) error {
	var value any
	if p.list {
		items := []any{}
		for _, part := range strings.Split(text, ",") {
			if text != "" {
				items = append(items, p.convert(part))
			}
		}
		value = items
	} else {
		value = p.convert(text)
	}
	if err := p.schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %s: %w", p.name, clip(text), err)
	}
	return nil
}

// convert reads a text as the type that the schema asks for; what cannot be
// read stays text, which the schema then refuses.
func (p *parameter) convert(text string) any {
	for _, kind := range p.kinds {
		switch kind {
		case "integer", "number":
			var n json.Number
			if json.Unmarshal([]byte(text), &n) == nil {
				return n
			}
		case "boolean":
			if text == "true" || text == "false" {
				return text == "true"
			}
		}
	}
	return text
}

// clip shortens a text for a message.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}
