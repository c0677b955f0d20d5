package htmlform

import (
	"strconv"
	"strings"
)

// visible takes from a tag what a person sees and can follow.
func (r *reader) visible(name string, a map[string]string) error {
	p := r.p
	switch name {
	case "base":
		if href := a["href"]; href != "" && !r.based {
			r.based = true // the first counts, on whatever host; the addresses that come of it are checked
			if u, err := Resolve(p.URL, href); err == nil {
				p.Base = u
			}
		}
	case "title":
		r.gather(name, true, func(text string) {
			if p.Title == "" {
				p.Title = normalise(text, MaxCell)
			}
		})
	case "meta":
		r.refresh(a)
	case "a", "area":
		r.link(name, a)
	case "frame", "iframe":
		if src := a["src"]; src != "" {
			if len(p.Frames) >= MaxLinks {
				return ErrTooLarge
			}
			p.Frames = append(p.Frames, src)
		}
	case "h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption":
		r.gather(name, false, r.addHeading)
	case "label":
		r.openLabel(a["for"])
	}
	r.outcomeText(name, a["class"])
	r.colouredText(name, a)
	return nil
}

// outcomeText gathers the text of elements that have the class of a success, of an error, or of the model in a banner.
func (r *reader) outcomeText(name, classes string) {
	p := r.p
	for class := range strings.FieldsSeq(strings.ToLower(classes)) {
		if outcome := map[string]*string{"success": &p.Success, "error": &p.Failure, "part_4": &p.Model}[class]; outcome != nil && !isVoid(name) {
			r.gather(name, false, func(text string) {
				if *outcome == "" {
					*outcome = text
				}
			})
		}
	}
}

// colouredText gathers the text of elements that are green or red. It leaves room for others whose text is gathered.
func (r *reader) colouredText(name string, a map[string]string) {
	texts := map[string]*[]string{"green": &r.p.Green, "red": &r.p.Red}[colourOf(name, a)]
	if texts == nil || isVoid(name) || len(*texts) >= maxColoured || len(r.gathered) >= maxNested/2 {
		return
	}
	r.gather(name, false, func(text string) {
		if text != "" {
			*texts = append(*texts, text)
		}
	})
}

// refresh treats a page that shows another one after at most 5 s as one with that page in a frame.
func (r *reader) refresh(a map[string]string) {
	delay, target, _ := strings.Cut(a["content"], ";")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(delay), 64)
	target = strings.TrimSpace(target)
	if !strings.EqualFold(a["http-equiv"], "refresh") || err != nil || seconds > 5 || len(target) < 4 || !strings.EqualFold(target[:4], "url=") {
		return
	}
	if len(r.p.Frames) < MaxLinks {
		r.p.Frames = append(r.p.Frames, strings.Trim(target[4:], `"' `))
	}
}

// link adds a link with its text. Of a menu with more than [MaxLinks] links the rest is ignored.
func (r *reader) link(name string, a map[string]string) {
	href, there := a["href"]
	p := r.p
	if !there || len(p.Links) >= MaxLinks {
		return
	}
	p.Links = append(p.Links, Link{Href: href, Text: a["title"] + " " + a["alt"]})
	if n := len(p.Links) - 1; name == "a" {
		r.gather(name, false, func(text string) { p.Links[n].Text += " " + text })
	}
}

// addHeading adds a heading to the page and to the form that it stands in or before.
func (r *reader) addHeading(text string) {
	if text == "" {
		return
	}
	r.heading = text
	if len(r.p.Headings) < MaxLinks {
		r.p.Headings = append(r.p.Headings, text)
	}
	if f := r.form; f != nil && len(f.Headings) < MaxForms {
		f.Headings = append(f.Headings, text)
	}
}

// openLabel opens a label.
func (r *reader) openLabel(target string) {
	if len(r.labels) >= MaxControls {
		return
	}
	l := &label{target: target}
	r.labels = append(r.labels, l)
	r.label = l
	r.gather("label", false, func(text string) {
		l.text = text
		if r.label == l {
			r.label = nil
		}
	})
}
