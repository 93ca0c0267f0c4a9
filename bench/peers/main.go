// Command peers is the HTTP side of everything that tidemark is compared with.
package main

func main() {}
