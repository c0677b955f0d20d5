// Package site lets the workers of many sites carry out rollouts of one journal on a NATS server. A worker takes a lease of its
// site for a rollout from a [Queue], and gets the images from a store, see [Images]. The lease only saves time: what keeps
// two workers from instructing one phone is the fence of the journal.
package site
