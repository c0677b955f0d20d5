// Package hwcheck answers whether a phone will take an image, by the rule that the phones' manuals publish, and says
// why: a rule sheet with what the image says, what is known of the phone, and where each value comes from.
//
// There are three answers: compatible, not compatible, and unknown. Unknown is never treated as compatible.
//
// [Check] is pure: it reads no file and speaks to no phone. The phone's own word stays final.
//
// The rule: OpenScape Desk Phone CP200/205/400/600 HFA, administration manual A31003-C1000-M102-5, p. 95; the same
// wording stands in A31003-D3000-M100-02, p. 215 (Desk Phone IP) and A31003-S2030-M100, p. 214 (OpenStage).
package hwcheck
