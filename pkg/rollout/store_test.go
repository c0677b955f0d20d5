package rollout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// wholePlan returns a plan in which every field has a value.
func wholePlan() rollout.Plan {
	version := bind.Version{Major: 1, Release: 9, Fix: 2}
	known := hwcheck.Phone{
		Device:       []hwcheck.Claim[string]{{Value: "CP600", Origin: hwcheck.List, Where: "site.csv, line 2"}},
		PartNumber:   []hwcheck.Claim[hwcheck.PartNumber]{{Value: hwcheck.PartNumber{Product: "S30817-S7403", Variant: "A101", Revision: 15}, Origin: hwcheck.List}},
		Level:        []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.List}},
		SoftwareType: []hwcheck.Claim[string]{{Value: hfa, Origin: hwcheck.List}},
		Running:      []hwcheck.Claim[bind.Version]{{Value: bind.Version{Major: 1, Release: 4}, Origin: hwcheck.List}},
		Minimum:      []hwcheck.Claim[bind.Version]{{Value: bind.Version{Major: 1, Release: 2}, Origin: hwcheck.List}},
		Queried:      true,
	}
	return rollout.Plan{
		Images: []rollout.Image{{Name: "cp.bind", Path: "/images/cp.bind", SHA256: strings.Repeat("a", 64), Size: 7, Version: version, SoftwareType: hfa}},
		Phones: []rollout.Phone{
			{
				Address: "192.0.2.1", MAC: macOf(1), Note: "<script>, room 1", Site: "Berlin", Class: "a", Images: []int{0, 0}, Override: "tested", Running: "V1 R4.0.0",
				Device: "CP600", Level: 3, Type: hfa, Queried: true, Part: "S30817-S7403-A101-15", Stated: known,
			},
			{Address: "192.0.2.2", LeftWhy: "it runs V1 R9.2.0 already"},
			{Address: "[2001:db8::1]:8085", Images: []int{0}},
		},
		Waves: []rollout.Wave{{Name: "canary", Phones: []int{2}}, {Name: "rest", Phones: []int{0}}},
		Rules: rollout.Rules{
			StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 3}, {Cause: rollout.AnyCause, Percent: 10}}, Pause: rollout.PauseEach,
			Window: rollout.Window{From: 22 * 60, To: 6 * 60}, Parallel: 3, PerSubnet: 2, StartRate: 0.5, Attempts: 4, Settle: 15 * time.Minute,
		},
	}
}

// TestSave reads back what was saved, word by word.
func TestSave(t *testing.T) {
	t.Parallel()
	plan, ledger := wholePlan(), journaltest.NewMemory().Open()
	planned := journal.Planned{By: journal.Origin{User: "tech"}}
	save := func() error { return rollout.Save(t.Context(), ledger, name, time.Now(), planned, plan) }
	fatal(t, save())
	s, err := rollout.Load(t.Context(), ledger, name)
	fatal(t, err)
	if !reflect.DeepEqual(s.Plan, plan) {
		t.Errorf("got  %+v\nwant %+v", s.Plan, plan)
	}
	if s.Name != name || s.Planned.By.User != "tech" || len(s.Steps[0]) != 2 || len(s.Steps[1]) != 1 || s.Steps[0][1].Listed.Address != "192.0.2.1" {
		t.Errorf("%+v", s)
	}
	if err := save(); !errors.Is(err, journal.ErrExists) {
		t.Errorf("saved twice: %v", err)
	}
	if _, err := rollout.Load(t.Context(), ledger, "autumn"); !errors.Is(err, rollout.ErrNoRollout) {
		t.Errorf("another name: %v", err)
	}
}

// cutLedger fails after its first append.
type cutLedger struct {
	journal.Ledger
	batches int // that are recorded
}

func (l cutLedger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	answers := l.Ledger.AppendAll(ctx, batches[:l.batches])
	for len(answers) < len(batches) {
		answers = append(answers, journal.Appended{Err: journal.ErrFull})
	}
	return answers
}

// TestSaveCutOff refuses a plan that was not written to its end, and a push.
func TestSaveCutOff(t *testing.T) {
	t.Parallel()
	for n := range 3 {
		ledger := journaltest.NewMemory().Open()
		if err := rollout.Save(t.Context(), cutLedger{ledger, n}, name, time.Now(), journal.Planned{}, wholePlan()); !errors.Is(err, journal.ErrFull) {
			t.Errorf("%d: %v", n, err)
		}
		if _, err := rollout.Load(t.Context(), ledger, name); !errors.Is(err, rollout.ErrIncomplete) {
			t.Errorf("%d: %v", n, err)
		}
	}
	ledger := journaltest.NewMemory().Open()
	_, err := journal.Create(t.Context(), ledger, "push-1", time.Now(), journal.Planned{Push: true})
	fatal(t, err)
	if _, err := rollout.Load(t.Context(), ledger, "push-1"); !errors.Is(err, rollout.ErrNoRollout) {
		t.Errorf("a push: %v", err)
	}
}

// TestNoSecret fails when a plan gets a field whose name is not one of these, so that nobody adds one for a password by accident.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	known := strings.Fields(`images phones waves rules name path sha256 size version software_type address mac note site class left_why override running device hw_level type
		queried part_number stated stop_on pause window parallel per_subnet start_rate attempts settle cause count percent
		Device PartNumber Level SoftwareType Running Minimum Classes Queried Value Origin Where Product Variant Revision Major SubMajor Release Fix Hotfix`)
	text, err := json.Marshal(wholePlan())
	fatal(t, err)
	var value any
	fatal(t, json.Unmarshal(text, &value))
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for field, one := range v {
				if !slices.Contains(known, field) {
					t.Errorf("a plan has the field %q: can it hold a secret?", field)
				}
				walk(one)
			}
		}
	}
	walk(value)
}

// TestManyPhones keeps a plan of 10,000 phones: the head is small, whatever the number of phones is.
func TestManyPhones(t *testing.T) {
	t.Parallel()
	plan, ledger := rollout.Plan{Images: wholePlan().Images, Waves: []rollout.Wave{{Name: "rest"}}}, journaltest.NewMemory().Open()
	for n := range 10_000 {
		plan.Phones = append(plan.Phones, rollout.Phone{Address: fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255), Images: []int{0}, Stated: wholePlan().Phones[0].Stated})
		plan.Waves[0].Phones = append(plan.Waves[0].Phones, n)
	}
	fatal(t, rollout.Save(t.Context(), ledger, name, time.Now(), journal.Planned{}, plan))
	s, err := rollout.Load(t.Context(), ledger, name)
	fatal(t, err)
	if d := s.Plan.Decide(s.State(causes), time.Now()); len(d.Phones) != 10_000 || d.Verb != rollout.Run {
		t.Errorf("%s %d", d.Verb, len(d.Phones))
	}
}
