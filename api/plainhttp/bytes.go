package plainhttp

// What a byte may be part of.
const (
	tokenByte = 1 << iota // the name of a header (RFC 9110, section 5.6.2)
	textByte              // the value of a header
	pathByte              // a path, as itself: unreserved characters and the slash
	queryByte             // a query string: what can be seen
	hostByte              // a host: a name, an address, a port
)

var kinds = kindTable()

func kindTable() (table [256]uint8) {
	for c := range 256 {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if letter || '0' <= c && c <= '9' {
			table[c] = tokenByte | pathByte | hostByte
		}
		if c == '\t' || c >= ' ' && c != 0x7f {
			table[c] |= textByte
		}
		if c > ' ' && c < 0x7f {
			table[c] |= queryByte
		}
	}
	for kind, others := range map[uint8]string{tokenByte: "!#$%&'*+-.^_`|~", pathByte: "/-._~", hostByte: ".-:[]"} {
		for _, c := range others {
			table[c] |= kind
		}
	}
	return table
}

func consists(text string, kind uint8) bool {
	for i := range len(text) {
		if kinds[text[i]]&kind == 0 {
			return false
		}
	}
	return true
}

func isToken(name string) bool { return name != "" && consists(name, tokenByte) }
func isText(value string) bool { return consists(value, textByte) }
func isPath(path string) bool  { return path != "" && path[0] == '/' && consists(path, pathByte) }
func isQuery(q string) bool    { return q != "" && consists(q, queryByte) }
func isHost(host string) bool  { return host != "" && consists(host, hostByte) }
