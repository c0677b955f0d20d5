// Package htmlform reads a web page and its forms from HTML tokens, fills forms in as a browser does, and tells which of its
// links are safe to follow. It knows no network.
//
// The words by which forms, buttons and links are told apart are those of the pages of OpenScape Desk Phone CP and OpenStage
// phones; each list names its source.
package htmlform
