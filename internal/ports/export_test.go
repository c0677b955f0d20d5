package ports

// AreFree is areFree for tests of another package.
var AreFree = areFree
