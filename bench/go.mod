module github.com/tidemark-io/tidemark/bench

go 1.26.0

replace github.com/tidemark-io/tidemark => ../

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	github.com/alecthomas/kong v1.17.0
	golang.org/x/sys v0.49.0
)
