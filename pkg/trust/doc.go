// Package trust decides whether a peer is the expected server or phone: an authority has signed its certificate, its
// key was stated, or its key was accepted before. A [Pin] identifies a key.
//
// A [Policy] checks one peer on every handshake, including resumed ones. A [List] is the file of known keys. A peer
// that is not trusted is an [*Error], with everything that a person needs to decide; the package prompts for nothing.
package trust
