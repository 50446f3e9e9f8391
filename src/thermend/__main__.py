from thermend.app.main import run

if __name__ == "__main__":
    run()
