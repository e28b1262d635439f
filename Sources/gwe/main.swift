print("gwe")
