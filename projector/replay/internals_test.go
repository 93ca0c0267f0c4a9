package replay

// DecodePart lets the tests outside read bytes that no export wrote.
var DecodePart = decodePart
