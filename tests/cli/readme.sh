# README.md: examples, commands, files (tests/readme.sh says what is compared)
bash tests/readme.sh
