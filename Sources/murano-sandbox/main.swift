print("murano-sandbox")
