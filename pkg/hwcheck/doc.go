// Package hwcheck decides whether an image is compatible with a phone, by the rule that the phones' manuals publish, and
// says why: a list of findings with what the image states, what is known about the phone, and the origin of each value.
//
// There are three answers: compatible, not compatible, and unknown. Unknown is never treated as compatible.
//
// [Check] is pure: it reads no file and contacts no phone. The phone itself has the final word.
//
// The rule: OpenScape Desk Phone CP200/205/400/600 HFA, administration manual A31003-C1000-M102-5, p. 95; the same
// wording is in A31003-D3000-M100-02, p. 215 (Desk Phone IP) and A31003-S2030-M100, p. 214 (OpenStage).
package hwcheck
