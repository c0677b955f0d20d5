// Package trust says whom to believe that it is the server or the phone: whoever an authority vouches for, whose key was
// stated, or whose key somebody said yes to before. A key is known by its [Pin].
//
// A [Policy] holds one peer to that on every handshake, resumed ones too. A [List] is the file in which the keys of peers
// are remembered. What was not vouched for is an [*Error], with all that somebody needs to decide; nobody is asked here.
package trust
