package readmodel

// FileNames lists the files that a checkpoint's flat tables lie in.
func FileNames(src Base) ([]string, error) {
	var names []string
	for _, table := range []byte{tableVideos, tableUsers} {
		l := tableLog{table: table}
		value, err := src.Get(l.key())
		if err == nil {
			err = l.decode(value)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range l.files {
			names = append(names, fileName(table, f.version))
		}
	}
	return names, nil
}
