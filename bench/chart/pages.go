package chart

import "github.com/tidemark-io/tidemark/bench/result"

var barCharts = []barChart{
	{file: "read-cpu.svg", title: "A poll of 20 IDs: processor time of the server", note: "1 million videos, 64 connections, with the database's time; ratio to gin answering a constant",
		unit: "µs of processor time a request, logarithmic", scenario: "read/20", figure: result.CPU, base: floor, log: true},
	{file: "read-rate.svg", title: "A poll of 20 IDs: requests a second", note: "1 million videos, 64 connections; client and server share the cores",
		unit: "requests/s", scenario: "read/20", figure: result.Rate, base: floor},
	{file: "open-p99.svg", title: "A poll of 20 IDs at a fixed rate: p99", note: "the same rate for all, half of what the slowest answers; from when a request was due",
		unit: "milliseconds", scenario: "read/open", figure: result.P99, base: floor, with: map[string]string{"offered": "half of the slowest closed loop"}},
	{file: "since-cpu.svg", title: "A poll of 20 IDs with nothing new: processor time", note: "answers of 13 bytes; 64 connections that never pause",
		unit: "µs of processor time a request", scenario: "read/since", figure: result.CPU, base: floor},
	{file: "write-rate.svg", title: "Durable single commands", note: "64 connections that never pause; each command is fsynced before it is answered",
		unit: "requests/s", scenario: "write/64", figure: result.Rate, base: floor},
	{file: "ingest.svg", title: "Events of a trace into a store", note: "what each promises for them stands in the table",
		unit: "events/s", scenario: "ingest", figure: result.Events, base: ours},
	{file: "ingest-popular.svg", title: "Events of a million videos into a store", note: "videos by popularity; what each promises stands in the table",
		unit: "events/s", scenario: "ingest/popular", figure: result.Events, base: ours},
	{file: "replay-views.svg", title: "Replay of a view-heavy log", note: "read, decode, fold, digest; beside reading the same messages and looking at none",
		unit: "events/s", scenario: "replay/views", figure: result.Events, base: ours},
	{file: "restart.svg", title: "Until the service is ready again", note: "from the start of the process to the first good answer of /readyz",
		unit: "seconds", scenario: "restart", figure: "ready", all: true},
	{file: "memory.svg", title: "What one of each takes in memory", note: "resident memory, after a checkpoint",
		unit: "bytes", scenario: "inprocess/memory", figure: "memory", all: true},
}

var reads = []string{"read/1", "read/20", "read/100", "read/200"}

func readLine(subject, figure string) line {
	return line{name: display(subject), scenarios: reads, subject: subject, parameter: "ids", figure: figure}
}

func curveLine(name, scenario, parameter, figure string) line {
	return line{name: name, scenarios: []string{"curve/" + scenario}, subject: ours, parameter: parameter, figure: figure}
}

func tableLine(subject, parameter string, with map[string]string) line {
	return line{name: subject, scenarios: []string{"inprocess/reads"}, subject: subject, parameter: parameter, figure: "time", with: with}
}

var (
	uniform20 = map[string]string{"drawn": "uniform", "ids": "20"}
	uniformM  = map[string]string{"drawn": "uniform", "videos": "1000000"}
)

var curveCharts = []curveChart{
	{file: "ids-cpu.svg", title: "Processor time by the number of IDs", note: "1 million videos, 64 connections", x: "IDs in a request", y: "µs of processor time a request", logX: true, logY: true,
		lines: []line{readLine("postgres-pgx", result.CPU), readLine("redis-rueidis", result.CPU), readLine(ours, result.CPU), readLine(floor, result.CPU)}},
	{file: "ids-p50.svg", title: "Answer time by the number of IDs", note: "1 million videos, 64 connections that never pause: p50", x: "IDs in a request", y: "milliseconds", logX: true, logY: true,
		lines: []line{readLine("postgres-pgx", result.P50), readLine("redis-rueidis", result.P50), readLine(ours, result.P50), readLine(floor, result.P50)}},
	{file: "ids-inprocess.svg", title: "In process: time by the number of IDs", note: "1 million videos, drawn uniformly", x: "IDs in a request", y: "nanoseconds", logX: true, logY: true,
		lines: []line{tableLine("the whole HTTP handler", "ids", uniformM), tableLine("decode, look up, encode", "ids", uniformM), tableLine("look up", "ids", uniformM)}},
	{file: "videos-cpu.svg", title: "Processor time by the number of videos", note: "20 IDs by popularity, 64 connections that never pause", x: "videos", y: "µs of processor time a poll", logX: true,
		lines: []line{curveLine(ours, "videos", "videos", result.CPU)}},
	{file: "videos-inprocess.svg", title: "In process: time by the number of videos", note: "20 IDs drawn uniformly, all cache misses in large tables", x: "videos", y: "nanoseconds", logX: true,
		lines: []line{tableLine("the whole HTTP handler", "videos", uniform20), tableLine("decode, look up, encode", "videos", uniform20), tableLine("look up", "videos", uniform20)}},
	{file: "connections.svg", title: "Answer time by the number of connections", note: "2,000 polls/s of 20 IDs in all, at even steps", x: "open connections", y: "milliseconds", logX: true, logY: true,
		lines: []line{curveLine("p50", "connections", "connections", result.P50), curveLine("p99", "connections", "connections", result.P99)}},
	{file: "connections-cpu.svg", title: "Processor time by the number of connections", note: "2,000 polls/s of 20 IDs in all, at even steps", x: "open connections", y: "µs of processor time a poll", logX: true,
		lines: []line{curveLine(ours, "connections", "connections", result.CPU)}},
	{file: "folding.svg", title: "Answer time while events are folded", note: "1,000 polls/s of 20 IDs, at even steps", x: "events folded a second", y: "milliseconds", logY: true,
		lines: []line{curveLine("p50", "folding", "events_per_second", result.P50), curveLine("p99", "folding", "events_per_second", result.P99)},
		goal:  1.5, goalLabel: "goal: p99 within 1.5 × of the undisturbed one"},
	{file: "folding-cpu.svg", title: "Processor time while events are folded", note: "1,000 polls/s of 20 IDs; the log's and the fold's time is in it", x: "events folded a second", y: "µs of processor time a poll",
		lines: []line{curveLine(ours, "folding", "events_per_second", result.CPU)}},
}
