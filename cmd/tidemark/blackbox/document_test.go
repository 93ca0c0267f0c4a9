package blackbox

import (
	"net/http"
	"sync"

	"github.com/tidemark-io/tidemark/api/openapitest"
)

// document is the OpenAPI document, as something to hold exchanges to.
var document = sync.OnceValues(openapitest.New)

// fitsDocument holds request and answer to the OpenAPI document.
func (a *Answer) fitsDocument(r *http.Request, sent []byte) {
	a.t.Helper()
	checker, err := document()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := checker.Check(r, sent, a.Status, a.Header, a.Body); err != nil {
		a.t.Error(err)
	}
}
