package blackbox

import (
	"slices"
	"strings"
	"testing"
)

// Who may call a route, as the contract's tables say it.
const (
	anybody     = "anyone"
	anyToken    = "any-token"
	serviceOnly = "service"
	adminOnly   = "admin"
)

// right is what the contract says of one route.
type right struct {
	who string
	// other is the status that another user gets for what the user owns, where
	// that differs from what is not there at all; 0 asks nothing.
	other int
}

// rights is the contract's tables. A route of the document that is not in here
// fails TestEveryRouteLetsInWhomTheContractSays.
var rights = map[string]right{
	"POST /v1/videos/batch-metadata": {who: anybody},
	"GET /v1/videos/batch-metadata":  {who: anybody},
	"GET /v1/videos/trending":        {who: anybody},

	"POST /v1/videos":                        {who: anyToken},
	"POST /v1/videos/{id}/views":             {who: anyToken},
	"GET /v1/videos/{id}/history":            {who: anyToken},
	"PUT /v1/videos/{id}/like":               {who: anyToken},
	"DELETE /v1/videos/{id}/like":            {who: anyToken},
	"PUT /v1/videos/{id}/comments/{item}":    {who: anyToken, other: 409},
	"DELETE /v1/videos/{id}/comments/{item}": {who: anyToken, other: 403},
	"PUT /v1/videos/{id}/remixes/{item}":     {who: anyToken, other: 409},
	"DELETE /v1/videos/{id}/remixes/{item}":  {who: anyToken, other: 403},
	"PUT /v1/videos/{id}/glitches/{item}":    {who: anyToken, other: 409},
	"DELETE /v1/videos/{id}/glitches/{item}": {who: anyToken, other: 403},
	"POST /v1/ai/jobs/batch-status":          {who: anyToken},
	"GET /v1/ai/jobs":                        {who: anyToken},
	"POST /v1/ai/jobs":                       {who: anyToken},
	"POST /v1/ai/jobs/{id}/cancel":           {who: anyToken, other: 404},
	"PATCH /v1/ai/jobs/{id}":                 {who: serviceOnly},
	"POST /v1/ai/jobs/batch-update":          {who: serviceOnly},
	"GET /v1/notifications":                  {who: anyToken},
	"POST /v1/notifications":                 {who: serviceOnly},
	"POST /v1/notifications/batch-status":    {who: anyToken},
	"POST /v1/notifications/batch-mark-read": {who: anyToken},
	"GET /v1/blocks":                         {who: anyToken},
	"POST /v1/blocks/batch":                  {who: anyToken},
	"POST /v1/blocks/batch-unblock":          {who: anyToken},
	"POST /v1/admin/videos/batch-delete":     {who: adminOnly},
	"POST /v1/admin/videos/batch-restore":    {who: adminOnly},
	"POST /v1/admin/users/batch-block":       {who: adminOnly},
	"POST /v1/admin/users/batch-unblock":     {who: adminOnly},
	"GET /v1/admin/audit":                    {who: adminOnly},
	"GET /v1/admin/replay/status":            {who: adminOnly},
	"POST /v1/admin/replay/rebuild":          {who: adminOnly},
	"POST /v1/admin/replay/switch":           {who: adminOnly},
	"POST /v1/admin/replay/rollback":         {who: adminOnly},
	"POST /v1/admin/replay/discard":          {who: adminOnly},
	"POST /v1/admin/replay/verify":           {who: adminOnly},
	"POST /v1/admin/replay/repair":           {who: adminOnly},
	"POST /v1/admin/replay/explain":          {who: adminOnly},
	"POST /v1/admin/replay/at":               {who: adminOnly},
	"POST /v1/admin/replay/diff":             {who: adminOnly},
	"POST /v1/admin/replay/report":           {who: adminOnly},
	"GET /v1/admin/replay/export":            {who: adminOnly},
	"GET /v1/admin/replay/point":             {who: adminOnly},
	"GET /v1/admin/replay/runs":              {who: adminOnly},
	"GET /v1/admin/replay/runs/{id}":         {who: adminOnly},
	"DELETE /v1/admin/replay/runs/{id}":      {who: adminOnly},
	"GET /v1/admin/audit/verify":             {who: adminOnly},
	"GET /v1/admin/history":                  {who: adminOnly},
	"GET /v1/admin/dead-letters":             {who: adminOnly},
	"GET /v1/admin/dead-letters/{position}":  {who: adminOnly},
	"POST /v1/admin/dead-letters/redrive":    {who: adminOnly},
	"POST /v1/admin/dead-letters/drop":       {who: adminOnly},
	"POST /v1/events":                        {who: serviceOnly},
	"GET /v1/position":                       {who: anyToken},
	"GET /healthz":                           {who: anybody},
	"GET /readyz":                            {who: anybody},
	"GET /metrics":                           {who: anybody},
	"GET /openapi.json":                      {who: anybody},
	"GET /asyncapi.json":                     {who: anybody},
}

// documentedRoutes are those of the document that the service serves, with who
// may call each of them.
func documentedRoutes(t *testing.T, w *World) map[string][]string {
	t.Helper()
	type operation struct {
		Access []string `json:"x-tidemark-access"`
	}
	type path struct{ Get, Put, Post, Patch, Delete, Head, Options, Trace *operation }
	served := decode[struct{ Paths map[string]path }](t, w.anonymous().get("/openapi.json").want(200))
	routes := map[string][]string{}
	for name, p := range served.Paths {
		for method, op := range map[string]*operation{
			"GET": p.Get, "PUT": p.Put, "POST": p.Post, "PATCH": p.Patch, "DELETE": p.Delete, "HEAD": p.Head, "OPTIONS": p.Options, "TRACE": p.Trace,
		} {
			if op != nil {
				routes[method+" "+name] = op.Access
			}
		}
	}
	return routes
}

func TestEveryRouteLetsInWhomTheContractSays(t *testing.T) {
	t.Parallel()
	routes := documentedRoutes(t, world(t))
	for route := range rights {
		if routes[route] == nil {
			t.Errorf("%s is in the contract and not in the document", route)
		}
	}
	for route, access := range routes {
		t.Run(route, func(t *testing.T) {
			rule, known := rights[route]
			if !known {
				t.Fatal("the route has no rule: say in rights who may call it")
			}
			if !slices.Equal(access, []string{rule.who}) {
				t.Errorf("the document says %v, want %s", access, rule.who)
			}
			w := world(t)
			method, template, _ := strings.Cut(route, " ")
			owner := w.user()
			path := ownedPath(owner, template)
			for _, c := range []struct {
				name    string
				caller  *Caller
				refusal int
			}{
				{"anonymous", w.anonymous(), map[string]int{anyToken: 401, serviceOnly: 401, adminOnly: 401}[rule.who]},
				{"user", w.user(), map[string]int{serviceOnly: 403, adminOnly: 403}[rule.who]},
				{"service", w.service(), map[string]int{adminOnly: 403}[rule.who]},
				{"admin", w.admin(), map[string]int{serviceOnly: 403}[rule.who]},
			} {
				path := strings.NewReplacer("{id}", newID(), "{item}", newID(), "{position}", "1.0").Replace(template)
				judge(t, c.name, c.caller.do(method, path, bodyFor(method), mediaFor(route)...).Status, c.refusal)
			}
			if rule.other != 0 {
				if status := w.user().do(method, path, bodyFor(method)).Status; status != rule.other {
					t.Errorf("another user gets %d, want %d", status, rule.other)
				}
				if status := owner.do(method, path, bodyFor(method)).Status; status/100 != 2 {
					t.Errorf("the owner gets %d, want 2xx", status)
				}
			}
		})
	}
}

// judge compares with the refusal that is due; 0 stands for being let in,
// whatever the answer is then.
func judge(t *testing.T, who string, status, refusal int) {
	t.Helper()
	switch {
	case refusal != 0 && status != refusal:
		t.Errorf("%s gets %d, want %d", who, status, refusal)
	case refusal == 0 && (status == 401 || status == 403):
		t.Errorf("%s gets %d, and may call", who, status)
	}
}

// bodyFor is a body that every route can parse. Whether it says what is needed
// is judged after rights.
func bodyFor(method string) any {
	if method == "GET" || method == "DELETE" {
		return nil
	}
	return obj{}
}

// mediaFor is the media type where it is not plain JSON: it is judged before rights.
func mediaFor(route string) []string {
	if route == "POST /v1/events" {
		return []string{"Content-Type", cloudEvents}
	}
	return nil
}

// ownedPath fills a path with things of the owner's.
func ownedPath(owner *Caller, template string) string {
	video, item := newID(), newID()
	for kind := range kinds {
		if strings.Contains(template, "/"+kind+"/") {
			owner.adds(video, kind, item)
		}
	}
	if strings.HasPrefix(template, "/v1/ai/jobs/{id}") {
		video = owner.createsJob()
	}
	return strings.NewReplacer("{id}", video, "{item}", item).Replace(template)
}

func TestOtherSpellingsOfAdminPathsOpenNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	user := w.user()
	user.publishes(video)
	body := obj{"video_ids": []string{video}, "reason": "r"}
	for _, path := range []string{
		"/v1/admin/videos/batch-delete/", "/v1/ADMIN/videos/batch-delete", "/V1/admin/videos/batch-delete", "/v1/admin/videos/Batch-Delete",
		"/v1/admin//videos/batch-delete", "//v1/admin/videos/batch-delete", "/v1/./admin/videos/batch-delete", "/v1/blocks/../admin/videos/batch-delete",
		"/v1/admin/videos/batch-delete%20", "/v1/admin/videos/batch-delete%00", "/v1/admin/videos/batch-delete;x", "/v1/admin/videos/batch-delete.json",
		"/v1/admin%2fvideos/batch-delete", "/v1/%61dmin/videos/batch-delete", "/v1/videos/batch-delete", "/v1/admin/videos/batch-delete//",
	} {
		for _, caller := range []*Caller{user, w.service(), w.anonymous()} {
			if a := caller.post(path, body); a.Status != 401 && a.Status != 403 && a.Status != 404 && a.Status != 405 {
				t.Errorf("POST %s: status %d", path, a.Status)
			}
		}
	}
	for _, override := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		user.get("/v1/admin/videos/batch-delete", override, "POST").want(405)
		user.post("/v1/videos/"+video+"/like", nil, override, "PUT").want(405)
	}
	user.post("/v1/videos/"+video+"/like?_method=PUT", nil).want(405)
	w.wantCounts(video, counts{})
}
