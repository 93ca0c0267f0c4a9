package main

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-io/tidemark/bench/world"
)

// floor is what a server costs that has nothing to do: it reads the request's
// body and answers a constant. The request says which size it wants, so that
// one process is the floor of every scenario.
type floor struct {
	listen
	Size []int `required:"" help:"Sizes of the constants that may be asked for."`
}

type floorGinCmd struct{ floor }

// floorPath is the path of the floor whose answers have that size: a static
// route, as cheap as a router has.
func floorPath(size int) string { return "/floor/" + strconv.Itoa(size) }

// Run serves the floor with gin.
func (f *floorGinCmd) Run(ctx context.Context) error {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	for _, size := range f.Size {
		answer, length := world.Constant(size), strconv.Itoa(size)
		router.POST(floorPath(size), func(c *gin.Context) {
			if _, err := c.GetRawData(); err != nil {
				c.Status(http.StatusBadRequest)
				return
			}
			c.Header("Content-Length", length)
			c.Data(http.StatusOK, "application/json", answer)
		})
	}
	return f.serve(ctx, router)
}

type floorNetHTTPCmd struct{ floor }

// Run serves the floor with net/http alone.
func (f *floorNetHTTPCmd) Run(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, size := range f.Size {
		answer, length := world.Constant(size), strconv.Itoa(size)
		mux.HandleFunc("POST "+floorPath(size), func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(answer) // a client that is gone does not wait for it
		})
	}
	return f.serve(ctx, mux)
}
