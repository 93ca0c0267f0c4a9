module github.com/tidemark-io/tidemark/bench

go 1.26.0

replace github.com/tidemark-io/tidemark => ../
