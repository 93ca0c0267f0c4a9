package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestAlertsAreComplete: Prometheus loads them, each says when, how bad it is
// and what to do, and Compose hands them over. That their metrics exist is
// tested where the metrics are.
func TestAlertsAreComplete(t *testing.T) {
	source, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(source, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			severity := rule.Labels["severity"]
			switch {
			case rule.Alert == "" || seen[rule.Alert]:
				t.Errorf("an alert has no name of its own: %q", rule.Alert)
			case !regexp.MustCompile(`[<>]|==`).MatchString(rule.Expr):
				t.Errorf("%s: %q compares nothing", rule.Alert, rule.Expr)
			case severity != "page" && severity != "ticket":
				t.Errorf("%s: severity %q is not page or ticket", rule.Alert, severity)
			case len(rule.Annotations["summary"]) < 20:
				t.Errorf("%s does not say what to do", rule.Alert)
			}
			seen[rule.Alert] = true
		}
	}
	if len(seen) == 0 {
		t.Error("there are no alerts")
	}
	scrape, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	const inside = "/etc/prometheus/alerts.yml"
	if !strings.Contains(string(scrape), inside) {
		t.Errorf("prometheus.yml does not name %s", inside)
	}
	if volumes := strings.Join(readCompose(t).Services["prometheus"].Volumes, " "); !strings.Contains(volumes, "./deploy/alerts.yml:"+inside) {
		t.Errorf("Compose does not mount it: %s", volumes)
	}
}
