package query

import "github.com/tidemark-io/tidemark/events/strictjson"

// MetadataAnswerer answers the bodies of POST /v1/videos/batch-metadata without
// HTTP: for who measures decoding, looking up and encoding by themselves. It is
// for one goroutine.
type MetadataAnswerer struct {
	service *Service
	scanner strictjson.Scanner
}

// MetadataAnswerer returns an answerer of this service's read model.
func (s *Service) MetadataAnswerer() *MetadataAnswerer { return &MetadataAnswerer{service: s} }

// Append appends the answer to body. It fails with an error of strictjson where
// the contract refuses the body.
func (a *MetadataAnswerer) Append(dst, body []byte) ([]byte, error) {
	q := a.service.metadataQuery()
	defer a.service.release(q)
	a.scanner.Reset(body)
	if err := q.decode(&a.scanner, a.service.maxBatch); err != nil {
		return dst, err
	}
	q.read(a.service.source.Model())
	return q.appendAnswer(dst), nil
}
