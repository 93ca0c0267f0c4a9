package instructions

// workload is one benchmark.
type workload struct {
	// name is what one iteration does.
	name string
	// pkg is its package, as a path in the product's module; pattern selects it.
	pkg, pattern string
	// few and many are the iterations of the two runs.
	few, many int
}

// metadata returns a step of an answer. The table has 10,000 videos: a look-up
// executes the same in one of a million, which only takes longer to fill.
func metadata(name, step string) workload {
	return workload{name, "./query", "^BenchmarkBatchMetadata$/^10k$/^uniform$/^" + step + "$", 1000, 31_000}
}

var workloads = []workload{
	metadata("decode a request for 20 videos", "decode"),
	metadata("look up 20 videos", "lookup"),
	metadata("encode 20 videos", "encode"),
	metadata("decode, look up and encode 20 videos", "answer"),
	{"read a request and write its answer", "./api/plainhttp", "^BenchmarkExchange$/^bench$", 1000, 31_000},
	{"what stands before and behind a poll's handler", "./api", "^BenchmarkPipeline$/^anonymous$", 1000, 31_000},
	// So many rounds of 200 record batches, or 100,000 events.
	{"fold 500 views", "./projector", "^BenchmarkFoldViews$", 200, 1000},
	{"fold 350 views, 125 likes, 25 comments", "./projector", "^BenchmarkFoldMix$", 200, 1000},
	{"decode 1,000 CloudEvents", "./events", "^BenchmarkReadCloudEvents$", 10, 40},
	{"encode a record batch of 1,000 views", "./events", "^BenchmarkAppendBatch$", 100, 1000},
	{"decode a record batch of 1,000 views", "./events", "^BenchmarkCursor$", 100, 1000},
}
