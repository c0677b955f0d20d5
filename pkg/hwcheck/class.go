package hwcheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Assumed is the confidence of a class that follows from no observation. It makes no image compatible.
const Assumed bind.Confidence = "assumed"

// maxClassModels is the maximum number of models in a class.
const maxClassModels = 64

// A Class is a set of models that take the same image, although the image names only one of them. An image that bears
// the class's name as its model or platform belongs to the class too.
type Class struct {
	Name       string          `json:"name"`
	Family     string          `json:"family"`
	Models     []string        `json:"models"`     // such as "20"; none removes the class of this name
	Confidence bind.Confidence `json:"confidence"` // observed, stated or assumed
	Source     string          `json:"source"`     // who states it
	Where      string          `json:"-"`          // its place, such as "hardware.toml, line 12"
}

// builtinClasses returns the classes that have a public source. The last of two that both hold for an image and a phone
// counts, so what is assumed comes first.
func builtinClasses() []Class {
	const (
		links   = "amooma/GS3, 2009: its folders os20 and os60 are links to os40 and os80"
		numbers = "amooma/GS3 reads only the number of OpenStage 40G"
		hi      = "a folder HI for OpenStage 80 in the guide; amooma/GS3 reads only the number of OpenStage 60G"
		carrier = "NetCologne's documentation, 2022: CP20X_SIP_V1_R9_2_0.img"
	)
	const openStage, deskPhone = "OpenStage", "OpenScape Desk Phone CP"
	return []Class{
		{"OpenStage 20/40 variants", openStage, []string{"20", "20E", "20G", "40", "40G"}, Assumed, numbers, ""},
		{"OpenStage Hi", openStage, []string{"60", "60G", "80", "80G"}, Assumed, hi, ""},
		{"OpenStage 20/40", openStage, []string{"20", "40"}, bind.Observed, links, ""},
		{"OpenStage 60/80", openStage, []string{"60", "80"}, bind.Observed, links, ""},
		{"CP20X", deskPhone, []string{"CP200", "CP205"}, bind.Observed, carrier, ""},
	}
}

// has reports whether the class contains a model of a family; a family that is not known, "", may be the class's.
func (c *Class) has(family, device string) bool {
	return (family == "" || fold(family) == fold(c.Family)) &&
		slices.ContainsFunc(c.Models, func(m string) bool { return model(m) == model(device) })
}

// Describe names the class, its confidence and its source.
func (c *Class) Describe() string {
	return fmt.Sprintf("class %s (%s: %s)", c.Name, c.Confidence, c.Source)
}

// takes reports whether an image that names this model or platform belongs to the class.
func (c *Class) takes(family, name string) bool {
	return c.has(family, name) || (family == "" || fold(family) == fold(c.Family)) && fold(name) == fold(c.Name)
}

// check checks that a class is complete.
func (c *Class) check() error {
	for _, text := range append([]string{c.Name, c.Family, c.Source}, c.Models...) {
		if strings.ContainsFunc(text, unicode.IsControl) || len(text) > maxCell {
			return fmt.Errorf("%.64q contains a control character, or has more than %d bytes", text, maxCell)
		}
	}
	switch {
	case fold(c.Name) == "":
		return errors.New("a class needs a name")
	case fold(c.Family) == "" && len(c.Models) > 0:
		return errors.New("a class with models needs a family")
	case c.Models == nil:
		return errors.New("a class needs models; an empty list removes the class of this name")
	case len(c.Models) > maxClassModels:
		return fmt.Errorf("the class lists %d models, at most %d are allowed", len(c.Models), maxClassModels)
	case slices.ContainsFunc(c.Models, func(m string) bool { return fold(m) == "" }):
		return errors.New("the class lists an empty model")
	}
	return nil
}

// mergeClasses returns the classes of two lists. A later class replaces an earlier one of the same name, and one without
// models removes it.
func mergeClasses(lists ...[]Class) []Class {
	var merged []Class
	at := map[string]int{}
	for _, list := range lists {
		for _, c := range list {
			if i, known := at[fold(c.Name)]; known {
				merged[i].Models = nil
			}
			at[fold(c.Name)] = len(merged)
			merged = append(merged, c)
		}
	}
	return slices.DeleteFunc(merged, func(c Class) bool { return len(c.Models) == 0 })
}

// ClassesOf returns the classes to which an image that names this model or platform belongs, the decisive one first.
// The family may be "" if it is not known.
func (t *Table) ClassesOf(family, name string) []Class {
	var found []Class
	for _, c := range slices.Backward(mergeClasses(t.Classes)) {
		if c.takes(family, name) {
			found = append(found, c)
		}
	}
	return found
}

// classOf returns the class by which the image is for the phone, or nil if it names the phone's model itself. Only a name that was observed in an image may
// stand for other models: a header of this project, and a descriptor, list every model that they mean.
func (c *evaluation) classOf() *Class {
	if c.listed() {
		return nil
	}
	for i, class := range slices.Backward(c.classes) {
		if class.has(c.family.value, c.device.value) && slices.ContainsFunc(c.observedNames(), func(name string) bool { return class.takes(c.facts.Family.Value, name) }) {
			return &c.classes[i]
		}
	}
	return nil
}

// observedNames returns the names of models that were observed in the image, or else its platform.
func (c *evaluation) observedNames() []string {
	switch {
	case c.facts.Models.Known() && c.facts.Models.Confidence == bind.Observed:
		return c.facts.Models.Value
	case c.platform():
		return []string{c.facts.Platform.Value}
	}
	return nil
}
