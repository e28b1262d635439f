#!/bin/sh
# Puts the program where supervisor.conf expects it, as installers for Gateway Engine do.
set -e
echo "installing version $GWE_VERSION into $COFFEE_DIR"
mkdir -p "$COFFEE_DIR"
cp report_coffee.sh "$COFFEE_DIR/"
