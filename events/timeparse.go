package events

// ParseTime reads a moment as RFC 3339 has it (section 5.6: any offset, any
// number of decimals, either case of T and Z) and cuts it to microseconds. It
// reports false for any other text, for second 60, and for what lies outside
// MinTime to MaxTime. It takes a fraction of the standard library's time, which
// bulk imports notice.
func ParseTime[T string | []byte](text T) (Time, bool) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(text) < shortest || text[4] != '-' || text[7] != '-' || text[10]|0x20 != 't' ||
		text[13] != ':' || text[16] != ':' {
		return 0, false
	}
	var bad byte
	year := twoDigits(text, 0, &bad)*100 + twoDigits(text, 2, &bad)
	month, day := twoDigits(text, 5, &bad), twoDigits(text, 8, &bad)
	hour, minute, second := twoDigits(text, 11, &bad), twoDigits(text, 14, &bad), twoDigits(text, 17, &bad)
	if bad > 9 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	micros, at := 0, len("2006-01-02T15:04:05")
	if text[at] == '.' {
		if micros, at = decimals(text, at+1); at < 0 {
			return 0, false
		}
	}
	east, ok := offset(text[at:])
	if !ok {
		return 0, false
	}
	seconds := int64(daysSinceEpoch(year, month, day))*86_400 + int64(hour*3600+minute*60+second-east)
	t := Time(seconds*1_000_000 + int64(micros))
	return t, t.Valid()
}

// twoDigits reads the number at i; bad exceeds 9 after anything but digits.
func twoDigits[T string | []byte](text T, i int, bad *byte) int {
	tens, ones := text[i]-'0', text[i+1]-'0'
	*bad = max(*bad, tens, ones)
	return int(tens)*10 + int(ones)
}

// decimals reads the decimals from i on as microseconds and returns where they
// end, or -1 if there are none.
func decimals[T string | []byte](text T, i int) (micros, end int) {
	scale := 100_000
	for end = i; end < len(text) && text[end]-'0' <= 9; end++ {
		micros += int(text[end]-'0') * scale
		scale /= 10
	}
	if end == i {
		return 0, -1
	}
	return micros, end
}

// offset reads the offset that ends a time, as seconds east of UTC.
func offset[T string | []byte](text T) (east int, ok bool) {
	if len(text) == 1 {
		return 0, text[0]|0x20 == 'z'
	}
	if len(text) != len("+00:00") || text[3] != ':' || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	var bad byte
	hours, minutes := twoDigits(text, 1, &bad), twoDigits(text, 4, &bad)
	if bad > 9 || hours > 23 || minutes > 59 {
		return 0, false
	}
	east = hours*3600 + minutes*60
	if text[0] == '-' {
		east = -east
	}
	return east, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 in the Gregorian calendar. The
// year is taken to begin in March, so that the leap day is its last.
func daysSinceEpoch(year, month, day int) int {
	const epoch = 719_468 // days from 0000-03-01 to 1970-01-01
	if month <= 2 {
		year--
		month += 12
	}
	if year < 0 { // January and February of year 0, which lies outside anyway
		return -epoch - 366
	}
	return year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - epoch
}
