package events

// AppendData appends the event's data as CloudEvents have it, one JSON object
// on one line; reason is that of the command which the event belongs to. It fails
// with ErrRule where Decode does, and then returns dst as it was.
func AppendData(dst []byte, e *Event, reason []byte) ([]byte, error) {
	o := objectWriter{append(dst, '{')}
	if err := o.data(e, reason); err != nil {
		return dst, err
	}
	return append(o.b, '}'), nil
}
