package console

import "strings"

// Alike returns the words that are spelled like the given one, or that contain it; at most five.
func Alike(word string, known []string) []string {
	const few = 5
	word = strings.ToLower(strings.ReplaceAll(word, "_", "-"))
	if len(word) < 3 || len(word) > 64 {
		return nil
	}
	var like []string
	for _, k := range known {
		if len(like) < few && (strings.Contains(k, word) || strings.HasPrefix(word, k) || edits(k, word) <= 2) {
			like = append(like, k)
		}
	}
	return like
}

// edits counts the letters to add, remove or change to turn one word into the other.
func edits(one, other string) int {
	row := make([]int, len(other)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(one) {
		before := row[0]
		row[0] = i + 1
		for j := range len(other) {
			changed := before
			if one[i] != other[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, before+1, row[j]+1)
		}
	}
	return row[len(other)]
}
