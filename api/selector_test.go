package api

import "testing"

func TestLabelSelectors(t *testing.T) {
	labels := map[string]string{"foo": "one", "bar": "two", "a b": "x:y", "empty": ""}
	for text, want := range map[string]bool{
		"foo": true, "nope": false, "foo==one": true, "foo == two": false, "foo!=two": true, "foo!=one": false,
		"nope!=one": false, "nope notin (a)": false, // the label has to be there
		"foo in (one, two)": true, "foo in(two)": false, "foo notin (two,three)": true, "foo notin (one)": false,
		"foo, bar==two": true, "foo,bar==one": false, " foo ,bar ": true, `a\ b==x\:y`: true, "empty": true, "in": false, "infra!=x": false,
	} {
		s, err := parseSelector(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.matches(labels); got != want {
			t.Errorf("%q: want %v, got %v", text, want, got)
		}
	}
	for _, text := range []string{"", ",", "foo,", "foo bar", "foo=one", "foo==", "foo in", "foo in (", "foo in (a", "foo in ()", "foo in (a b)", "foo ~ a", "(a)", `foo\`} {
		if s, err := parseSelector(text); err == nil {
			t.Errorf("%q: want a refusal, got %+v", text, s)
		}
	}
}
